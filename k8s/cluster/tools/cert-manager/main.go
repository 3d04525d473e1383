// Program cert-manager starts cert-manager's own controllers for the test cluster. The upstream program is in a nested
// module that replaces its parent by a path, so that no other module can require it. Missing compared with it: leader
// election, metrics, the webhook, the injector of certificate authorities. With --token it is the solver of a challenge.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"k8s.io/apimachinery/pkg/api/resource"
)

const workers = 2

func main() {
	var answer solver.HTTP01Solver
	var options controller.ContextOptions
	flag.IntVar(&answer.ListenPort, "listen-port", 8089, "port of the solver")
	flag.StringVar(&answer.Domain, "domain", "", "name to prove")
	flag.StringVar(&answer.Token, "token", "", "token of the challenge; answers this challenge and runs no controller")
	flag.StringVar(&answer.Key, "key", "", "answer to the challenge")
	flag.StringVar(&options.ClusterResourceNamespace, "cluster-resource-namespace", "kube-system", "namespace of Secrets of ClusterIssuers")
	flag.StringVar(&options.HTTP01SolverImage, "acme-http01-solver-image", "", "image of the solver")
	flag.Func("acme-http01-solver-nameservers", "name server that it asks for a name before the authority does", func(text string) error {
		options.HTTP01SolverNameservers = append(options.HTTP01SolverNameservers, text)
		return nil
	})
	flag.IntVar(&options.MaxConcurrentChallenges, "max-concurrent-challenges", 60, "challenges at once")
	// The chart passes them.
	flag.String("leader-election-namespace", "", "ignored")
	flag.Int("v", 0, "ignored")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if answer.Token != "" {
		context.AfterFunc(ctx, func() { answer.Server.Close() })
		log.Print(answer.Listen(logf.FromContext(ctx)))
		return
	}
	if err := run(ctx, withDefaults(options)); err != nil {
		log.Fatal(err)
	}
}

// withDefaults has the defaults of the upstream program, and of an hour's pause after a failed request only a little.
func withDefaults(options controller.ContextOptions) controller.ContextOptions {
	options.KubernetesAPIQPS = 20
	options.KubernetesAPIBurst = 50
	options.HTTP01SolverResourceRequestCPU = resource.MustParse("10m")
	options.HTTP01SolverResourceLimitsCPU = resource.MustParse("100m")
	options.HTTP01SolverResourceRequestMemory = resource.MustParse("64Mi")
	options.HTTP01SolverResourceLimitsMemory = resource.MustParse("64Mi")
	options.ACMEHTTP01SolverRunAsNonRoot = true
	options.CertificateRequestMinimumBackoffDuration = 5 * time.Second
	options.CertificateRequestMaximumBackoffDuration = time.Minute
	return options
}

// run starts all controllers that the imports have registered, and ends with the first that ends.
func run(ctx context.Context, options controller.ContextOptions) error {
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	ended := make(chan error)
	for name, construct := range controller.Known() {
		instance, err := construct(factory)
		if err != nil {
			return err
		}
		log.Printf("starting %s", name)
		go func() { ended <- instance.Run(workers, ctx) }()
	}
	// Each controller has registered its informers by now.
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	go func() { ended <- serveHealth() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

// serveHealth answers the probe of the chart.
func serveHealth() error {
	http.HandleFunc("/livez", func(http.ResponseWriter, *http.Request) {})
	return http.ListenAndServe(":9403", nil)
}
